-- Owes single events to their endpoints once more, because they were picked to be sent again; 500 at the
-- most.
-- $1 own buckets. Indexes: replay_running, replay_progress_is_one_row_a_bucket, event_positions_are_unique,
-- endpoint_ids_are_unique, delivery_is_owed_once.
with picked as materialized (
    select r.account, r.id, r.endpoint, r.bucket, r.until_position as position,
           case when p.ordered then e.stream end as stream,
           case when p.ordered then e.group_id end as group_id
      from calmony.replay r
      join calmony.endpoint p on p.account = r.account and p.id = r.endpoint and p.status <> 'deleted'
      join calmony.event e on e.account = r.account and e.position = r.until_position
     where r.status = 'running' and r.single and r.bucket = any ($1::smallint[])
       and not exists (select from calmony.replay_progress g where g.account = r.account and g.replay = r.id)
     limit 500
), owed as (
    insert into calmony.delivery
           (account, position, endpoint, bucket, attempts, state, due_at, stream, group_id)
    select distinct account, position, endpoint, bucket, 0, 'owed', statement_timestamp(), stream, group_id
      from picked
        on conflict (account, position, endpoint) do update
       set state = 'owed', attempts = 0, due_at = excluded.due_at
     where delivery.state = 'exhausted'
)
insert into calmony.replay_progress (account, replay, bucket, position, owed)
select account, id, bucket, position, 1
  from picked
