#!/bin/sh
# Makes the database's roles: PostgreSQL's image runs it when its volume is new.
#
#   warmboot_owner    makes and changes the tables        (warmboot migrate)
#   warmboot_worker   reads and writes rows, no tables    (launch, worker, stop, delete ...)
#   warmboot_viewer   reads                               (dashboard, status, export)
#
# Run again it changes what is missing or different, and gives the roles the passwords that the secrets have now:
#
#   docker compose exec postgres sh /docker-entrypoint-initdb.d/roles.sh
#
# Passwords go from the files to psql, never through an argument, a variable of the environment or a log.
set -eu
SECRETS_FOLDER=${SECRETS_FOLDER:-/run/secrets}
export SECRETS_FOLDER
for role in owner worker viewer; do
    if [ ! -s "$SECRETS_FOLDER/${role}_password" ]; then
        echo "roles.sh: $SECRETS_FOLDER/${role}_password is missing or empty; write the password as its first line" >&2
        exit 1
    fi
done

psql --no-psqlrc --quiet --tuples-only --set ON_ERROR_STOP=1 \
    --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" --output /dev/null <<'SQL'
-- A statement that fails is logged, and its password with it.
SET log_min_error_statement = panic;
SET log_min_duration_statement = -1;
SET log_statement = 'none';
SET client_min_messages = warning;

SELECT format('CREATE ROLE %I LOGIN', name)
FROM (VALUES ('warmboot_owner'), ('warmboot_worker'), ('warmboot_viewer')) AS wanted (name)
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) \gexec

\set password `head -n 1 "$SECRETS_FOLDER/owner_password" | tr -d '\r'`
ALTER ROLE warmboot_owner PASSWORD :'password';
\set password `head -n 1 "$SECRETS_FOLDER/worker_password" | tr -d '\r'`
ALTER ROLE warmboot_worker PASSWORD :'password';
\set password `head -n 1 "$SECRETS_FOLDER/viewer_password" | tr -d '\r'`
ALTER ROLE warmboot_viewer PASSWORD :'password';

-- The database, its schema, and tables that another role has made are the owner's, and nobody else's.
SELECT current_database() AS database \gset
ALTER DATABASE :"database" OWNER TO warmboot_owner;
ALTER SCHEMA public OWNER TO warmboot_owner;
REVOKE ALL ON DATABASE :"database" FROM PUBLIC;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
SELECT format('ALTER TABLE %s OWNER TO warmboot_owner', oid::regclass) FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' \gexec
SELECT format('ALTER TYPE %s OWNER TO warmboot_owner', oid::regtype) FROM pg_type
WHERE typnamespace = 'public'::regnamespace AND typtype = 'e' \gexec

GRANT CONNECT ON DATABASE :"database" TO warmboot_worker, warmboot_viewer;
GRANT USAGE ON SCHEMA public TO warmboot_worker, warmboot_viewer;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO warmboot_worker;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO warmboot_worker;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO warmboot_viewer;
ALTER DEFAULT PRIVILEGES FOR ROLE warmboot_owner IN SCHEMA public
    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO warmboot_worker;
ALTER DEFAULT PRIVILEGES FOR ROLE warmboot_owner IN SCHEMA public GRANT USAGE ON SEQUENCES TO warmboot_worker;
ALTER DEFAULT PRIVILEGES FOR ROLE warmboot_owner IN SCHEMA public GRANT SELECT ON TABLES TO warmboot_viewer;

-- Who only looks can neither write, nor keep the lock that all workers wait for, nor ask for hours.
ALTER ROLE warmboot_viewer SET default_transaction_read_only = on;
ALTER ROLE warmboot_viewer SET statement_timeout = '60s';
SELECT format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', oid::regprocedure),
       format('GRANT EXECUTE ON FUNCTION %s TO warmboot_owner, warmboot_worker', oid::regprocedure)
FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace AND proname ~ '^pg_(try_)?advisory' \gexec
SQL
