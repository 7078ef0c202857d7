-- How many sessions have announced themselves in this database.
select count(*)
  from pg_locks l
 where l.locktype = 'advisory' and l.classid = 1129270605 and l.objid = 1000 and l.objsubid = 2 and l.granted
   and l.database = (select oid from pg_database where datname = current_database())
