# The service in development; every setting is in README.md. `docker compose` reads .envs/.flask after this, if there is one.
POSTGRES_HOSTNAME=db
POSTGRES_PORT=5432
APP_SETTINGS=development
# The port is published on 127.0.0.1: a page of another site whose name resolves to that address is refused.
APP_ALLOWED_HOSTS=localhost,127.0.0.1,[::1],app
