-- Replays that have come to their end in every bucket, or in their event's, and those whose endpoint is
-- gone; 500 at the most.
-- Indexes: replay_running, replay_progress_is_one_row_a_bucket, endpoint_ids_are_unique.
select r.account, r.id::text, p.status <> 'deleted' as completed
  from calmony.replay r
  join calmony.endpoint p on p.account = r.account and p.id = r.endpoint
 where r.status = 'running'
   and (p.status = 'deleted'
        or (select count(*) from calmony.replay_progress g
             where g.account = r.account and g.replay = r.id and g.position >= r.until_position)
           = case when r.single then 1 else 64 end)
 limit 500
