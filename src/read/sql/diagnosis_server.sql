-- The server: its clock, the settings that matter here, and its connections, which are counted in all
-- databases.
select clock_timestamp() as now,
       current_setting('server_version') as version,
       current_setting('fsync') = 'on' as fsync,
       current_setting('full_page_writes') = 'on' as full_page_writes,
       current_setting('synchronous_commit') as synchronous_commit,
       current_setting('autovacuum') = 'on' and current_setting('track_counts') = 'on' as autovacuum,
       pg_is_in_recovery() as is_standby,
       (select sum(numbackends)::bigint from pg_stat_database) as connections,
       current_setting('max_connections')::bigint as connections_max,
       (select age(datfrozenxid)::bigint
          from pg_database
         where datname = current_database()) as transactions_old,
       pg_has_role(current_user, 'pg_read_all_stats', 'usage') as sees_all
