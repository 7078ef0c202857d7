-- Takes buckets that no worker owns, in random order, so that two workers that start together rarely want
-- the same. $1 the most.
with free as materialized (
    select b
      from generate_series(0, 63) b
     where not exists (select from pg_locks l
                        where l.locktype = 'advisory' and l.classid = 1129270605 and l.objid = b::oid
                          and l.objsubid = 2
                          and l.database = (select oid from pg_database where datname = current_database()))
     order by random()
     limit $1
)
select b::smallint as bucket
  from free
 where pg_try_advisory_lock(1129270605, b)
