-- A service's database and its three roles, made by a superuser before the first start, once for each service:
--   psql -v ON_ERROR_STOP=1 -v service=campaign -f deploy/postgres/service.sql
-- The roles have no password yet: give them one by \password, or certificates, as the bank does it.
\set owner :service _owner
\set app :service _app
\set worker :service _worker
-- Runs the migrations, and is used by nothing that serves.
CREATE ROLE :"owner" LOGIN NOSUPERUSER NOBYPASSRLS;
CREATE ROLE :"app" LOGIN NOSUPERUSER NOBYPASSRLS;
CREATE ROLE :"worker" LOGIN NOSUPERUSER NOBYPASSRLS;
CREATE DATABASE :"service" OWNER :"owner";
REVOKE ALL ON DATABASE :"service" FROM PUBLIC;
GRANT CONNECT, TEMPORARY ON DATABASE :"service" TO :"app", :"worker";
\connect :"service"
ALTER SCHEMA public OWNER TO :"owner";
GRANT USAGE ON SCHEMA public TO :"app", :"worker";
