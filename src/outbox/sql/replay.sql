-- One step of one replay in a worker's buckets, all in one statement: goes through a part of the log, owes
-- the events of the replay to its endpoint, and notes the progress. Returns no row without such a replay;
-- true if it may go on at once.
-- A position below the replay's end may belong to an append that commits late. So a replay begins when all
-- of those are decided: twice a statement's timeout after it was started.
-- $1 own buckets, $2 the number of workers that share a rate limit. Indexes: replay_running,
-- replay_progress_is_one_row_a_bucket, event_positions_are_unique, delivery_is_owed_once.
with running as materialized (
    select r.*
      from calmony.replay r
      join calmony.endpoint p on p.account = r.account and p.id = r.endpoint and p.status <> 'deleted'
     where r.status = 'running' and not r.single
       and r.started_at < statement_timestamp() - interval '10 seconds'
), todo as materialized (
    select r.account, r.id, b.bucket, coalesce(p.position, r.after_position) as position
      from running r
     cross join unnest($1::smallint[]) as b (bucket)
      left join calmony.replay_progress p on p.account = r.account and p.replay = r.id and p.bucket = b.bucket
     where coalesce(p.position, r.after_position) < r.until_position
       and coalesce(p.resume_at, '-infinity') <= statement_timestamp()
), picked as materialized (
    -- Buckets that have come equally far go on together.
    select account, id, position, array_agg(bucket) as buckets
      from todo
     group by account, id, position
     order by random()
     limit 1
), job as materialized (
    select k.position as cursor, k.buckets, r as replay, p.enabled_events, p.ordered,
           -- The most at once; with a rate limit the events that it allows in half a second.
           case when r.rate_limit is null then 1000
                else greatest(1, least(1000, r.rate_limit / (2 * $2::integer))) end as portion
      from picked k
      join calmony.replay r on r.account = k.account and r.id = k.id
      join calmony.endpoint p on p.account = r.account and p.id = r.endpoint
), scanned as materialized (
    -- The job is one row, which PostgreSQL doesn't know: joined, it would read and sort all the rest of the
    -- log.
    select e.position, e.stream, e.group_id, calmony.bucket_of(e.stream) as bucket,
           calmony.replays(j.replay, e.event, j.enabled_events) as matches
      from job j
     cross join lateral (
           select event.position, event.stream, event.group_id, event
             from calmony.event
            where account = (j.replay).account and position > j.cursor
              and position <= (j.replay).until_position
            order by position
            limit 5000) e
), wanted as materialized (
    select s.position, s.stream, s.group_id, s.bucket
      from scanned s, job j
     where s.matches and s.bucket = any (j.buckets)
     order by s.position
     limit (select portion from job)
), owed as (
    insert into calmony.delivery
           (account, position, endpoint, bucket, attempts, state, due_at, stream, group_id)
    select (j.replay).account, w.position, (j.replay).endpoint, w.bucket, 0, 'owed', statement_timestamp(),
           case when j.ordered then w.stream end, case when j.ordered then w.group_id end
      from wanted w, job j
        on conflict (account, position, endpoint) do update
       set state = 'owed', attempts = 0, due_at = excluded.due_at
     where delivery.state = 'exhausted'
    returning bucket
), reached as (
    -- To the last one that was owed, if there may be more; or else to the last one that was read.
    select case when (select count(*) from wanted) >= j.portion then (select max(position) from wanted)
                when (select count(*) from scanned) >= 5000 then (select max(position) from scanned)
                else (j.replay).until_position end as position
      from job j
), moved as (
    insert into calmony.replay_progress as p (account, replay, bucket, position, owed, resume_at)
    select (j.replay).account, (j.replay).id, b.bucket, r.position,
           (select count(*) from owed o where o.bucket = b.bucket),
           case when (j.replay).rate_limit is not null
                then statement_timestamp()
                     + (select count(*) from wanted) * $2::integer / (j.replay).rate_limit::numeric
                       * interval '1 second' end
      from job j cross join reached r cross join unnest(j.buckets) as b (bucket)
        on conflict (account, replay, bucket) do update
       set position = excluded.position, owed = p.owed + excluded.owed, resume_at = excluded.resume_at
)
select (replay).rate_limit is null as goes_on
  from job
