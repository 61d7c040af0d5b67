-- The roles and the database of Veilleur, for any PostgreSQL from 15 on. Safe to run again.
-- Written by `python -m veilleur.dev.roles`; `veilleur dev` and the tests run the same statements.
--
--   psql "$ADMIN_URL" -v ON_ERROR_STOP=1 -v owner_password=… -v app_password=… -v worker_password=… -f deploy/roles.sql
--
-- With `-v backup_password=…` the role of `veilleur backup` is made as well; that takes a superuser.
--
-- The administrator is a superuser, or a role with CREATEROLE and CREATEDB as managed services give.

SELECT pg_advisory_lock(hashtext('veilleur roles'));

SET password_encryption = 'scram-sha-256';

DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'veilleur_owner') THEN
    CREATE ROLE veilleur_owner NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE NOREPLICATION;
  ELSIF EXISTS (SELECT FROM pg_roles WHERE rolname = 'veilleur_owner'
                AND (rolsuper OR rolbypassrls OR rolcreatedb OR rolcreaterole OR rolreplication)) THEN
    ALTER ROLE veilleur_owner NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE NOREPLICATION;
  END IF;
  ALTER ROLE veilleur_owner LOGIN;
END $$;

DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'veilleur_app') THEN
    CREATE ROLE veilleur_app NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE NOREPLICATION;
  ELSIF EXISTS (SELECT FROM pg_roles WHERE rolname = 'veilleur_app'
                AND (rolsuper OR rolbypassrls OR rolcreatedb OR rolcreaterole OR rolreplication)) THEN
    ALTER ROLE veilleur_app NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE NOREPLICATION;
  END IF;
  ALTER ROLE veilleur_app LOGIN NOINHERIT;
END $$;

DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'veilleur_client') THEN
    CREATE ROLE veilleur_client NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE NOREPLICATION;
  ELSIF EXISTS (SELECT FROM pg_roles WHERE rolname = 'veilleur_client'
                AND (rolsuper OR rolbypassrls OR rolcreatedb OR rolcreaterole OR rolreplication)) THEN
    ALTER ROLE veilleur_client NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE NOREPLICATION;
  END IF;
  ALTER ROLE veilleur_client NOLOGIN;
END $$;

DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'veilleur_worker') THEN
    CREATE ROLE veilleur_worker NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE NOREPLICATION;
  ELSIF EXISTS (SELECT FROM pg_roles WHERE rolname = 'veilleur_worker'
                AND (rolsuper OR rolbypassrls OR rolcreatedb OR rolcreaterole OR rolreplication)) THEN
    ALTER ROLE veilleur_worker NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE NOREPLICATION;
  END IF;
  ALTER ROLE veilleur_worker LOGIN;
END $$;

ALTER ROLE veilleur_owner PASSWORD :'owner_password';

ALTER ROLE veilleur_app PASSWORD :'app_password';

ALTER ROLE veilleur_worker PASSWORD :'worker_password';

DO $$ BEGIN
  IF current_setting('server_version_num')::int >= 160000 THEN
    EXECUTE 'GRANT veilleur_client TO veilleur_app WITH INHERIT FALSE, SET TRUE';
  ELSE
    GRANT veilleur_client TO veilleur_app;
  END IF;
END $$;

ALTER ROLE veilleur_app SET lock_timeout = '5s';

ALTER ROLE veilleur_app SET statement_timeout = '15s';

ALTER ROLE veilleur_app SET idle_in_transaction_session_timeout = '15s';

ALTER ROLE veilleur_worker SET lock_timeout = '5s';

ALTER ROLE veilleur_worker SET statement_timeout = '15s';

ALTER ROLE veilleur_worker SET idle_in_transaction_session_timeout = '15s';

DO $$ BEGIN
  IF current_setting('server_version_num')::int >= 170000 THEN
    ALTER ROLE veilleur_app SET transaction_timeout = '20s';
    ALTER ROLE veilleur_worker SET transaction_timeout = '20s';
  END IF;
END $$;

DO $$ BEGIN
  IF NOT current_setting('is_superuser')::bool THEN
    EXECUTE format('GRANT veilleur_owner TO %I', current_user);
  END IF;
END $$;

SELECT 'CREATE DATABASE "veilleur" OWNER veilleur_owner ENCODING ''UTF8'' TEMPLATE "template0"'
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'veilleur')
\gexec

SET ROLE veilleur_owner;

REVOKE ALL ON DATABASE "veilleur" FROM PUBLIC;

GRANT CONNECT ON DATABASE "veilleur" TO veilleur_owner, veilleur_app, veilleur_worker;

RESET ROLE;

\if :{?backup_password}

DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'veilleur_backup') THEN
    CREATE ROLE veilleur_backup NOSUPERUSER BYPASSRLS NOCREATEDB NOCREATEROLE NOREPLICATION;
  ELSIF EXISTS (SELECT FROM pg_roles WHERE rolname = 'veilleur_backup'
                AND (rolsuper OR rolcreatedb OR rolcreaterole OR rolreplication)) THEN
    ALTER ROLE veilleur_backup NOSUPERUSER BYPASSRLS NOCREATEDB NOCREATEROLE NOREPLICATION;
  END IF;
  ALTER ROLE veilleur_backup LOGIN;
END $$;

ALTER ROLE veilleur_backup PASSWORD :'backup_password';

ALTER ROLE veilleur_backup SET default_transaction_read_only = on;

GRANT pg_read_all_data TO veilleur_backup;

SET ROLE veilleur_owner;

GRANT CONNECT ON DATABASE "veilleur" TO veilleur_backup;

RESET ROLE;

\endif
