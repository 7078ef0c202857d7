-- The transactions that are appending at this moment: each has locked the table before it drew a position,
-- and holds the lock to its end.
select array_agg(distinct virtualtransaction) as appending
  from pg_locks
 where locktype = 'relation' and relation = 'calmony.event'::regclass and mode = 'RowExclusiveLock'
   and granted
   and database = (select oid from pg_database where datname = current_database())
