-- Makes the first delivery of each group due that hasn't been tried, if it is in a worker's buckets: an event
-- before it is over. $1 account, $2 endpoint, $3 group, $4 own buckets.
-- Indexes: delivery_in_group, delivery_is_owed_once.
update calmony.delivery d
   set due_at = statement_timestamp()
  from unnest($1::bigint[], $2::text[], $3::text[]) as line (account, endpoint, group_id)
 cross join lateral (
       select position, state, attempts, bucket
         from calmony.delivery
        where account = line.account and endpoint = line.endpoint and group_id = line.group_id
          and state <> 'exhausted'
        order by position
        limit 1) first
 where first.state = 'owed' and first.attempts = 0 and first.bucket = any ($4::smallint[])
   and d.account = line.account and d.position = first.position and d.endpoint = line.endpoint
