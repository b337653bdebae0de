#!/bin/bash
# A real Request Tracker 5 on loopback with its own SQLite database, run as an unprivileged user.
# Queues Support, Billing and Complaints; the agent smartticket with a token; the many-valued custom field
# SmartTicket on all tickets; everybody may create tickets and reply by mail. Administrator: root, "password".
#   rt.sh start DIR [PORT]     on a free (or given) port; writes and prints DIR/env
#   rt.sh crash DIR            SIGKILL the server; its workers die in the middle of what they do
#   rt.sh restart DIR          start again on the same port with the same data
#   rt.sh stop DIR
# All mail that RT would send is appended to DIR/outbox.mbox. Packages: install_rt.sh
set -euo pipefail
cmd=${1:?usage: see the head of this file}
dir=${2:?which folder}
shift 2
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
HERE=$(cd "$(dirname "$0")" && pwd)
SHARE=/usr/share/request-tracker5
USR=${RT_USER:-$([ "$(id -u)" = 0 ] && echo www-data || id -un)}
as=()
[ "$(id -un)" = "$USR" ] || as=(setpriv --reuid "$USR" --regid "$(id -gn "$USR")" --clear-groups)
export RT_SITE_CONFIG=$dir/site.pm RT_SITE_CONFIG_DIR=$dir/site.d HOME=$dir

answers() { [ "$(curl -s -o /dev/null -w '%{http_code}' -u root:password "http://127.0.0.1:$RT_PORT/REST/2.0/rt")" = 200 ]; }

launch() {
  cd "$dir"
  setsid "${as[@]}" "$SHARE/libexec/rt-server" --host 127.0.0.1 --port "$RT_PORT" --max-workers 2 --max-reqs-per-child 100000 \
    >>"$dir/rt.log" 2>&1 </dev/null &
  echo $! >"$dir/pid"
  for _ in $(seq 300); do
    if answers; then return; fi
    kill -0 "$(cat "$dir/pid")" 2>/dev/null || break
    sleep 0.1
  done
  tail -5 "$dir/rt.log" >&2
  exit 1
}

configure() {
  mkdir -p "$dir/site.d" "$dir/mason" "$dir/session"
  cat >"$dir/site.pm" <<CONF
Set(\$rtname, 'rt.test');
Set(\$Organization, 'rt.test');
Set(\$WebDomain, '127.0.0.1');
Set(\$WebPort, $RT_PORT);
Set(\$WebPath, '');
Set(\$WebBaseURL, 'http://127.0.0.1:$RT_PORT');
Set(\$DatabaseType, 'SQLite');
Set(\$DatabaseName, '$dir/rt.db');
Set(\$MailCommand, sub {
  my (\$mail) = @_;
  open my \$box, '>>', '$dir/outbox.mbox' or return 0;
  print \$box "From rt\\n", \$mail->as_string, "\\n";
  return close \$box;
});
Set(\$MasonDataDir, '$dir/mason');
Set(\$MasonSessionDir, '$dir/session');
Set(\$LogToSTDERR, 'warning');
Set(\$LogToSyslog, undef);
Set(\$Timezone, 'UTC');
Set(\$BcryptCost, 4); # a request would spend most of its time on comparing the token
Set(\$CorrespondAddress, 'support@rt.test');
Set(\$CommentAddress, 'support-comment@rt.test');
1;
CONF
  cat >"$dir/initialdata" <<'CONF'
@Queues = map { { Name => $_ } } qw(Support Billing Complaints);
@Users = ({ Name => 'smartticket', EmailAddress => 'smartticket@rt.test', Password => 'smartticket-pw', Privileged => 1 });
@CustomFields = ({ Name => 'SmartTicket', Type => 'FreeformMultiple', LookupType => 'RT::Queue-RT::Ticket' });
@ACL = (
  (map { { UserId => 'smartticket', Right => $_ } } qw(
    SeeQueue ShowTicket ShowTicketComments CommentOnTicket ModifyTicket CreateTicket
    SeeCustomField ModifyCustomField ManageAuthTokens)),
  (map { { GroupDomain => 'SystemInternal', GroupType => 'Everyone', Right => $_ } } qw(CreateTicket ReplyToTicket)),
);
1;
CONF
  cat >"$dir/apply.pl" <<'CONF'
use lib '/usr/share/request-tracker5/lib'; use RT; RT::LoadConfig(); RT::Init();
my $field = RT::CustomField->new(RT->SystemUser); $field->LoadByName(Name => 'SmartTicket', LookupType => 'RT::Queue-RT::Ticket');
$field->AddToObject(RT::Queue->new(RT->SystemUser)) unless $field->IsGlobal;
my $user = RT::User->new(RT->SystemUser); $user->Load('smartticket') or die;
my ($ok, $why, $token) = RT::AuthToken->new(RT::CurrentUser->new($user))->Create(Owner => $user->id, Description => 'tests');
die $why unless $ok; print $token;
CONF
  [ "$(id -u)" != 0 ] || { chown -R "$USR:" "$dir"; chmod 755 "$dir"; }
  cd "$dir"
  {
    "${as[@]}" rt-setup-database-5 --action init --skip-create
    "${as[@]}" rt-setup-database-5 --action insert --datafile "$dir/initialdata"
    "${as[@]}" perl "$dir/apply.pl" >"$dir/token"
  } >"$dir/setup.log" 2>&1 || { tail -5 "$dir/setup.log" >&2; exit 1; }
}

case $cmd in
  start)
    RT_PORT=${1:-$(python3 "$HERE/ports.py" free 1)}
    [ -s "$dir/rt.db" ] || configure
    printf 'RT_URL=http://127.0.0.1:%s\nRT_PORT=%s\nRT_TOKEN=%s\n' "$RT_PORT" "$RT_PORT" "$(cat "$dir/token")" >"$dir/env"
    launch
    cat "$dir/env" ;;
  crash)
    pid=$(cat "$dir/pid")
    kill -KILL "$pid" $(ps -o pid= --ppid "$pid") 2>/dev/null || true
    rm -f "$dir/pid" ;;
  restart) . "$dir/env"; launch ;;
  stop) "$HERE/stop.sh" "$dir" ;;
  *) echo "unknown: $cmd" >&2; exit 2 ;;
esac
