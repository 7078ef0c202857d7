-- An account's attempts by the five seconds that they began in; of very many some. $1 account, $2 not before, $3 rows.
-- Indexes: attempt_started.
select (floor(extract(epoch from started_at) / 5) * 5)::bigint as at, count(*), count(*) filter (where error is null) as taken,
       (percentile_disc(0.5) within group (order by duration_us))::integer as p50_us,
       (percentile_disc(0.95) within group (order by duration_us))::integer as p95_us
  from (select started_at, duration_us, error
          from calmony.attempt
         where account = $1 and started_at >= $2
         limit $3) a
 group by 1
 order by 1
