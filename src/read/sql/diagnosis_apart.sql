-- The rights of roles that PostgreSQL gives to every login, and with which one role could stop the others
-- (schema/apart.sql takes them away).
with roles (role) as (
    values ('calmony_api'), ('calmony_reader'), ('calmony_worker'), ('calmony_biller'), ('calmony_sandbox')
), functions as (
    select oid,
           case when proname like '%advisory%' then 'take advisory locks'
                when proname like 'lo\_%' then 'make large objects'
                else 'write messages into the WAL' end as what
      from pg_proc
     where pronamespace = 'pg_catalog'::regnamespace
       and (proname ~ '^pg_(try_)?advisory_(xact_)?lock(_shared)?$'
            or proname in ('lo_creat', 'lo_create', 'lo_from_bytea', 'pg_logical_emit_message'))
), open as (
    -- A worker's buckets are advisory locks.
    select role, what
      from roles cross join functions
     where has_function_privilege(role, oid, 'execute')
       and not (role = 'calmony_worker' and what = 'take advisory locks')
    union
    select role, 'make temporary tables'
      from roles
     where has_database_privilege(role, current_database(), 'temporary')
    union
    select role, 'make schemas'
      from roles
     where has_database_privilege(role, current_database(), 'create')
    union
    select role, 'make tables in the schema ' || nspname
      from roles cross join pg_namespace
     where nspname in ('public', 'calmony', 'sandbox') and has_schema_privilege(role, oid, 'create')
)
select format('%s (%s)', what, string_agg(role, ', ' order by role)) as what
  from open
 group by what
 order by 1
