-- The condition of the whole system. Counts end at a million, so that a backlog of any length costs a bounded
-- time.
-- Indexes: object_due, outbox_position, delivery_due, event_positions_are_unique,
-- endpoint_fails_since_one_time.
with recursive owing as (
    (select account, endpoint, due_at
       from calmony.delivery
      where state = 'owed'
      order by account, endpoint, due_at
      limit 1)
    union all
    select next.account, next.endpoint, next.due_at
      from owing o
     cross join lateral (
           select account, endpoint, due_at
             from calmony.delivery
            where state = 'owed' and (account, endpoint) > (o.account, o.endpoint)
            order by account, endpoint, due_at
            limit 1) next
), due as (
    select o.due_at,
           exists (select from calmony.endpoint_failing f
                    where f.account = o.account and f.endpoint = o.endpoint) as failing
      from owing o
     where o.due_at < statement_timestamp()
    union all
    -- The oldest event that no worker has looked at yet.
    (select e.created_at, false
       from calmony.outbox o
       join calmony.event e on e.account = o.account and e.position = o.position
      order by o.position
      limit 1)
), age as (
    select coalesce(extract(epoch from statement_timestamp() - min(due_at) filter (where not failing)),
                    0)::float8 as of_working,
           coalesce(extract(epoch from statement_timestamp() - min(due_at) filter (where failing)),
                    0)::float8 as of_failing
      from due
), state as (
    select count(*) filter (where state = 'owed') as owed, count(*) filter (where state = 'parked') as parked,
           count(*) filter (where state = 'exhausted') as exhausted
      from (select state from calmony.delivery limit 1000000) d
), endpoints as (
    select count(*) filter (where status = 'enabled' and not paused) as enabled,
           count(*) filter (where status = 'enabled' and paused) as paused,
           count(*) filter (where status = 'disabled') as disabled
      from calmony.endpoint
), attempts as (
    -- What has an attempt is due at its deadline, and a deadline is near: an hour ahead is all of them.
    select count(*) filter (where due >= statement_timestamp() - interval '1 minute') as young,
           count(*) filter (where due < statement_timestamp() - interval '1 minute') as overdue
      from (select due, internal
              from calmony.object
             where due is not null and not deleted and due < statement_timestamp() + interval '1 hour'
             order by due
             limit 100000) o
     where internal -> 'attempt' is not null
), replays as (
    select count(*) as running,
           coalesce(sum(r.until_position - coalesce(
               (select min(p.position)
                  from calmony.replay_progress p
                 where p.account = r.account and p.replay = r.id),
               r.after_position)), 0)::bigint as remaining
      from calmony.replay r
     where r.status = 'running'
), locks as (
    -- Locks of sessions whose login may work. Any other session that holds one is no worker and owns nothing.
    select coalesce(sum(announced), 0)::bigint as workers, coalesce(sum(buckets), 0)::bigint as buckets
      from (select pid, count(*) filter (where objid = 1000) as announced,
                   count(*) filter (where objid < 64) as buckets
              from pg_locks
             where locktype = 'advisory' and classid = 1129270605 and objsubid = 2 and granted
               and database = (select oid from pg_database where datname = current_database())
             group by pid) l
     cross join lateral pg_stat_get_activity(l.pid) a
     where pg_has_role(a.usesysid, 'calmony_worker', 'member')
), days as (
    select count(*) as ahead
      from pg_inherits i
      join pg_class c on c.oid = i.inhrelid
     where i.inhparent = 'calmony.attempt'::regclass and c.relname ~ '^attempt_[0-9]{8}$'
       and to_date(substr(c.relname, 9), 'YYYYMMDD') >= (statement_timestamp() at time zone 'utc')::date
)
select greatest(0, age.of_working) as oldest_due, greatest(0, age.of_failing) as oldest_due_of_failing,
       (select count(*) from (select from calmony.outbox limit 1000000) o) as outbox,
       state.owed, state.parked, state.exhausted,
       endpoints.enabled, endpoints.paused, endpoints.disabled,
       (select count(*)
          from calmony.endpoint_failing f
          join calmony.endpoint p on p.account = f.account and p.id = f.endpoint
         where p.status = 'enabled') as failing,
       attempts.young as attempts_open, attempts.overdue as attempts_overdue,
       replays.running as replays_running, greatest(0, replays.remaining) as replays_left,
       locks.workers, locks.buckets as buckets_owned,
       (select last_value from calmony.event_position_seq) as log_position,
       pg_stat_get_dead_tuples('calmony.outbox'::regclass) as outbox_dead,
       pg_stat_get_dead_tuples('calmony.delivery'::regclass) as delivery_dead,
       days.ahead as partition_days,
       exists (select from calmony.attempt_default) as has_strays
  from age, state, endpoints, attempts, replays, locks, days
