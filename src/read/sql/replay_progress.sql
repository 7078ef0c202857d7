-- How far a replay is: what it has owed, what still waits for its endpoint, and how much of its part of the log is behind it
-- in the bucket that is furthest back. $1 account, $2 id.
-- Indexes: replay_ids_are_unique, replay_progress_is_one_row_a_bucket, delivery_of_endpoint.
select coalesce(g.owed, 0)::bigint,
       (select count(*)
          from (select from calmony.delivery d
                 where d.account = r.account and d.endpoint = r.endpoint and d.state <> 'exhausted'
                 order by d.position
                 limit 100000) w),
       case when g.buckets = case when r.single then 1 else 64 end
            then (g.reached - r.after_position)::float8 / greatest(1, r.until_position - r.after_position)
            else 0 end
  from calmony.replay r
 cross join lateral (
       select sum(p.owed) as owed, count(*) as buckets, min(p.position) as reached
         from calmony.replay_progress p
        where p.account = r.account and p.replay = r.id) g
 where r.account = $1 and r.id = $2
