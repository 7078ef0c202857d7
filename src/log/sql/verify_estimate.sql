-- The approximate number of a table's rows. $1 its name.
select greatest(0, reltuples)::bigint as count
  from pg_class
 where oid = ('calmony.' || $1::text)::regclass
