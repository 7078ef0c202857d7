-- Sessions that stand in others' way, and the statement that ends each: those that hold, or wait for, a lock
-- of workers, of billers or of migrations, and whose login is no member of those roles; and those that others
-- have waited for, behind a lock, for more than a second. The seconds that others have waited, null for the
-- first kind.
with held as (
    select distinct pid,
           case when objsubid = 1 then null
                when classid = 1129270605 then 'calmony_worker'
                else 'calmony_biller' end as role
      from pg_locks
     where locktype = 'advisory'
       and database = (select oid from pg_database where datname = current_database())
       -- The second is the lock of migrations (src/database/migrate.rs).
       and (classid in (1129270605, 1128417612) and objsubid = 2
            or classid = 4407628 and objid = 1296910663 and objsubid = 1)
), waits as (
    select blocker, max(extract(epoch from clock_timestamp() - w.waitstart))::float8 as seconds
      from pg_locks w
     cross join lateral unnest(pg_blocking_pids(w.pid)) as blocker
     where not w.granted and w.waitstart < clock_timestamp() - interval '1 second'
     group by blocker
)
select case h.role
         when 'calmony_worker' then 'a lock of workers'
         when 'calmony_biller' then 'a lock of billers'
         else 'the lock of migrations'
       end as kind,
       format('%s (process %s, %s)', coalesce(a.usename, 'somebody'), a.pid,
              coalesce(nullif(a.application_name, ''), 'unnamed')) as who,
       null::float8 as seconds, format('select pg_terminate_backend(%s)', h.pid) as ended_by
  from held h
  join pg_stat_activity a on a.pid = h.pid
 where not exists (select from pg_roles r
                    where r.rolname in ('calmony_owner', h.role)
                      and pg_has_role(a.usesysid, r.oid, 'member'))
union all
select 'what others wait for',
       format('%s (process %s, %s)', coalesce(a.usename, 'somebody'), a.pid,
              coalesce(nullif(a.application_name, ''), 'unnamed')),
       w.seconds, format('select pg_terminate_backend(%s)', w.blocker)
  from waits w
  join pg_stat_activity a on a.pid = w.blocker
 -- A session that waits itself isn't the obstacle.
 where not exists (select from pg_locks l where l.pid = w.blocker and not l.granted)
   and a.datname = current_database()
 order by 3 desc nulls first
 limit 20
