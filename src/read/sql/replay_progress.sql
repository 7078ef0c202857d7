-- The progress of a replay: the deliveries it has owed, those that still wait for its endpoint, and the part
-- of its events that is behind it in the bucket that is furthest back. Times of the account's own events
-- measure that part: the number of positions between them depends on how much other accounts do. $1 account,
-- $2 id.
-- Indexes: replay_ids_are_unique, replay_progress_is_one_row_a_bucket, delivery_of_endpoint,
-- event_positions_are_unique.
select coalesce(g.owed, 0)::bigint as owed,
       (select count(*)
          from (select from calmony.delivery d
                 where d.account = r.account and d.endpoint = r.endpoint and d.state <> 'exhausted'
                 order by d.position
                 limit 100000) w) as waiting,
       case when g.buckets < case when r.single then 1 else 64 end then 0
            when g.reached >= r.until_position then 1
            else least(1, greatest(0, coalesce(
                     extract(epoch from reached.created_at - first.created_at)
                     / nullif(extract(epoch from r.started_at - first.created_at), 0), 0)))
            end::float8 as fraction
  from calmony.replay r
 cross join lateral (
       select sum(p.owed) as owed, count(*) as buckets, min(p.position) as reached
         from calmony.replay_progress p
        where p.account = r.account and p.replay = r.id) g
  left join lateral (
       select e.created_at
         from calmony.event e
        where e.account = r.account and e.position > r.after_position
        order by e.position
        limit 1) first on true
  left join lateral (
       select e.created_at
         from calmony.event e
        where e.account = r.account and e.position > r.after_position and e.position <= g.reached
        order by e.position desc
        limit 1) reached on true
 where r.account = $1 and r.id = $2
