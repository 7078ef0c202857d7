-- Makes deliveries due whose time is later than any delay reaches: PostgreSQL's clock was ahead when they
-- were written and has been set back. It goes endpoint by endpoint along the index, at most 1,000 of each
-- and 5,000 in all.
-- $1 own buckets, $2 the longest delay in milliseconds. Indexes: delivery_due, delivery_is_owed_once.
with due as materialized (
    select d.account, d.position, d.endpoint
      from calmony.endpoints_with('owed') o
     cross join lateral (
           select account, position, endpoint
             from calmony.delivery
            where state = 'owed' and account = o.account and endpoint = o.endpoint
              and due_at > statement_timestamp() + $2::bigint * interval '1 millisecond'
              and bucket = any ($1::smallint[])
            order by due_at, position
            limit 1000) d
     limit 5000
)
update calmony.delivery d
   set due_at = statement_timestamp()
  from due
 where d.account = due.account and d.position = due.position and d.endpoint = due.endpoint
