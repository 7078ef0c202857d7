-- The session that holds the lock of migrations without the right to migrate, and the statement that ends
-- it. Before there is a role for it, everybody has that right.
select format('%s (process %s)', coalesce(a.usename, 'somebody'), l.pid),
       format('select pg_terminate_backend(%s)', l.pid)
  from pg_catalog.pg_locks l
  join pg_catalog.pg_stat_activity a on a.pid = l.pid
  join pg_catalog.pg_roles r on r.rolname = 'calmony_owner'
   and not pg_catalog.pg_has_role(a.usesysid, r.oid, 'member')
 where l.locktype = 'advisory' and l.classid = 4407628 and l.objid = 1296910663 and l.objsubid = 1
   and l.granted
   and l.database = (select oid from pg_catalog.pg_database where datname = current_database())
 limit 1
