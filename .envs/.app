# The service in development; every setting is in README.md. `docker compose` reads .envs/.flask after this, if there is one.
POSTGRES_HOSTNAME=db
POSTGRES_PORT=5432
APP_SETTINGS=development
