-- The logins of the programs that are connected: APIs and workers, which name their sessions after their roles. The commands
-- that only read do so too, but for these two roles.
select distinct usename::text
  from pg_stat_activity
 where datname = current_database()
   and application_name in ('calmony_api', 'calmony_worker')
   and usename is not null
 order by 1
