# PostgreSQL's image runs this once, in a new volume: the service's role is no superuser and owns its database only.
psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --set=password="${OFEKTOM_DB_PASSWORD:?}" \
    --username "$POSTGRES_USER" --dbname postgres <<'SQL'
CREATE ROLE ofektom LOGIN PASSWORD :'password';
CREATE DATABASE ofektom OWNER ofektom;
REVOKE ALL ON DATABASE ofektom FROM public;
SQL
