-- Makes parked deliveries due, the oldest events first, if the endpoint is neither disabled nor paused any
-- more. Those of a deleted one are dropped when they are read. It goes endpoint by endpoint along the
-- index, at most 1,000 of each and 5,000 in all.
-- $1 own buckets. Indexes: delivery_parked, endpoint_ids_are_unique, delivery_is_owed_once.
with due as materialized (
    select d.account, d.position, d.endpoint
      from calmony.endpoints_with('parked') o
      join calmony.endpoint p on p.account = o.account and p.id = o.endpoint
       and (p.status = 'deleted' or p.status = 'enabled' and not p.paused)
     cross join lateral (
           select account, position, endpoint
             from calmony.delivery
            where state = 'parked' and account = o.account and endpoint = o.endpoint
              and bucket = any ($1::smallint[])
            order by position
            limit 1000) d
     limit 5000
)
update calmony.delivery d
   set state = 'owed', due_at = statement_timestamp()
  from due
 where d.account = due.account and d.position = due.position and d.endpoint = due.endpoint
