# Stage one makes a virtual environment, stage two carries it and nothing else.
FROM python:3.11-slim-bookworm AS builder
WORKDIR /src
COPY requirements/build.lock requirements/runtime.lock requirements/
RUN pip install --no-cache-dir --require-hashes -r requirements/build.lock \
 && python -m venv --without-pip /opt/smartticket \
 && pip --python /opt/smartticket/bin/python install --no-cache-dir --require-hashes -r requirements/runtime.lock
COPY . .
RUN pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir /wheel . \
 && pip --python /opt/smartticket/bin/python install --no-cache-dir --no-deps /wheel/*.whl \
 && find /opt/smartticket/lib -type d -name tests -prune -exec rm -r {} +

FROM python:3.11-slim-bookworm
# Nothing is installed at run time, so nothing that installs is kept.
RUN pip uninstall --yes --quiet --root-user-action=ignore setuptools wheel pip \
 && groupadd --gid 10001 smartticket \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/smartticket --shell /usr/sbin/nologin smartticket \
 && install --directory --owner=10001 --group=10001 --mode=0700 /var/lib/smartticket
COPY --from=builder /opt/smartticket /opt/smartticket
ENV PATH=/opt/smartticket/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    SMARTTICKET_CONFIG=/etc/smartticket/smartticket.toml
USER 10001:10001
VOLUME ["/var/lib/smartticket"]
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=60s --timeout=15s --start-period=60s --retries=2 CMD ["smartticket", "status"]
ENTRYPOINT ["smartticket"]
CMD ["run"]
