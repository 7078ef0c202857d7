-- Releases buckets. $1 the buckets.
select pg_advisory_unlock(1128417612, b::integer)
  from unnest($1::smallint[]) b
