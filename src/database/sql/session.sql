-- Under which role a session works, how long a statement may take, and what has to be the same of a database wherever it is reached, a copy
-- of it included.
select current_user::text, current_setting('statement_timeout'),
       system_identifier || '/' || (select oid from pg_database where datname = current_database())
  from pg_control_system()
