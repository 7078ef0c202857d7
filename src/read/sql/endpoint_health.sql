-- The condition of an endpoint: the time since which it has taken nothing, the deliveries that it is owed,
-- and the results of its newest attempts. Counts end at ten thousand. $1 account, $2 endpoint, $3 attempts.
-- Indexes: endpoint_fails_since_one_time, delivery_due, delivery_parked, delivery_of_endpoint,
-- attempt_of_endpoint.
with newest as materialized (
    select started_at, duration_us, error
      from calmony.attempt
     where account = $1 and endpoint = $2::text
     order by position desc
     limit $3
)
select (select f.since
          from calmony.endpoint_failing f
         where f.account = $1 and f.endpoint = $2::text) as failing_since,
       (select d.due_at
          from calmony.delivery d
         where d.account = $1 and d.endpoint = $2::text and d.state = 'owed'
         order by d.due_at
         limit 1) as oldest_due,
       (select count(*) from (select from calmony.delivery d
                               where d.account = $1 and d.endpoint = $2::text and d.state = 'owed'
                               order by d.due_at, d.position limit 10000) d) as owed,
       (select count(*) from (select from calmony.delivery d
                               where d.account = $1 and d.endpoint = $2::text and d.state = 'parked'
                               order by d.position limit 10000) d) as parked,
       (select count(*)
          from (select d.state
                  from calmony.delivery d
                 where d.account = $1 and d.endpoint = $2::text
                 order by d.position
                 limit 10000) d
         where d.state = 'exhausted') as exhausted,
       count(*) as attempts,
       count(*) filter (where error is null) as taken,
       max(started_at) filter (where error is null) as last_success,
       max(started_at) filter (where error is not null) as last_failure,
       (percentile_disc(0.5) within group (order by duration_us))::integer as p50_us,
       (percentile_disc(0.95) within group (order by duration_us))::integer as p95_us
  from newest
