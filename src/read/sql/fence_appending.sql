-- Who is appending at this moment: whoever draws a position has locked the table before, and holds the lock to the end of
-- its transaction.
select array_agg(distinct virtualtransaction)
  from pg_locks
 where locktype = 'relation' and relation = 'calmony.event'::regclass and mode = 'RowExclusiveLock' and granted
   and database = (select oid from pg_database where datname = current_database())
