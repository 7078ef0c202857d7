-- The logins of the APIs, workers, billers and sandbox processors that are connected. Sessions are named
-- after their roles; no command that only reads has one of these names.
select distinct usename::text as login
  from pg_stat_activity
 where datname = current_database()
   and application_name in ('calmony_api', 'calmony_worker', 'calmony_biller', 'calmony_sandbox')
   and usename is not null
 order by 1
