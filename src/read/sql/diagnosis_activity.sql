-- Whatever keeps PostgreSQL from cleaning up (vacuum keeps all that the oldest of them may still see):
-- transactions, prepared transactions, and replication slots without a reader, which keep WAL in any case.
-- Each with the seconds since it began, null where PostgreSQL doesn't tell this login or doesn't know, and
-- with the statement that ends it.
select 'transaction' as kind,
       format('%s (process %s, %s)', coalesce(nullif(application_name, ''), usename, 'somebody'), pid,
              coalesce(state, 'unknown')) as who,
       extract(epoch from clock_timestamp() - xact_start)::float8 as seconds,
       format('select pg_terminate_backend(%s)', pid) as ended_by
  from pg_stat_activity
 where (backend_xmin is not null or backend_xid is not null) and pid <> pg_backend_pid()
   and (datname = current_database() or datname is null)
   and xact_start < clock_timestamp() - interval '1 minute'
union all
select 'prepared transaction', gid, extract(epoch from clock_timestamp() - prepared)::float8,
       format('rollback prepared %L', gid)
  from pg_prepared_xacts
 where database = current_database()
union all
select 'replication slot', slot_name || case when active then ' (active)' else ' (inactive)' end, null,
       format('select pg_drop_replication_slot(%L)', slot_name)
  from pg_replication_slots
 where not active
 order by 3 desc nulls last
 limit 20
