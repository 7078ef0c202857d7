-- The role of a session, its statement timeout, and the identity of its database, which a copy of the
-- database shares.
select current_user::text, current_setting('statement_timeout'),
       system_identifier || '/' || (select oid from pg_database where datname = current_database())
  from pg_control_system()
