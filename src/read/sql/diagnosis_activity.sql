-- Who keeps PostgreSQL from cleaning up (vacuum takes nothing that the oldest of them may still see): transactions, prepared
-- transactions, and replication slots that nobody reads, which keep WAL in any case. Seconds since they began; null where PostgreSQL doesn't tell this login or doesn't know.
select 'transaction' as kind,
       format('%s (process %s, %s)', coalesce(nullif(application_name, ''), usename, 'somebody'), pid, coalesce(state, 'unknown')) as who,
       extract(epoch from clock_timestamp() - xact_start)::float8 as seconds
  from pg_stat_activity
 where (backend_xmin is not null or backend_xid is not null) and pid <> pg_backend_pid() and (datname = current_database() or datname is null)
   and xact_start < clock_timestamp() - interval '1 minute'
union all
select 'prepared transaction', gid, extract(epoch from clock_timestamp() - prepared)::float8
  from pg_prepared_xacts
 where database = current_database()
union all
select 'replication slot', slot_name || case when active then ' (active)' else ' (inactive)' end, null
  from pg_replication_slots
 where not active
 order by 3 desc nulls last
 limit 20
