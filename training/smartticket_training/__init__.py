"""Makes and measures models; needs the `training` extra (scikit-learn, pandas, joblib)."""
