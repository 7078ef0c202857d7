-- An account's attempts by the five seconds that they began in, among the last that were written down of all
-- accounts: $3 pages at the end of today's partition, where each new one goes. So the cost is always the
-- same, and no index is needed. Five seconds of which some attempts are on earlier pages are estimated: those
-- are missing that ended before the first of these pages was written, and they began earlier by the time that
-- one takes. The rate of all accounts decides how far back this goes. So a caller learns no more of it than
-- whether it is ten minutes, two, or half a one. $1 account, $2 not before, $3 pages.
with today as materialized (
    select greatest(0, pg_relation_size(partition) / current_setting('block_size')::bigint - $3) as page,
           date_trunc('day', statement_timestamp(), 'UTC') as since
      from (select coalesce(to_regclass('calmony.attempt_'
                                        || to_char(statement_timestamp() at time zone 'utc', 'YYYYMMDD')),
                            'calmony.attempt_default') as partition) p
), cut as materialized (
    select max(least(started_at + duration_us * interval '1 microsecond',
                     statement_timestamp())) as ended_from
      from calmony.attempt
     where (select page from today) > 0
       and started_at >= (select since from today)
       and started_at < (select since + interval '1 day' from today)
       and ctid >= (select format('(%s,0)', page)::tid from today)
       and ctid < (select format('(%s,0)', page + 1)::tid from today)
), slices as (
    select at, count(*), count(*) filter (where error is null) as taken,
           percentile_disc(array[0.5, 0.95]) within group (order by duration_us) as percentiles_us
      from (select date_bin('5 seconds', started_at, 'epoch') as at, duration_us, error
              from calmony.attempt
             where account = $1 and started_at >= $2
               and started_at >= (select since from today)
               and started_at < (select since + interval '1 day' from today)
               and ctid >= (select format('(%s,0)', page)::tid from today)) a
     group by at
), seen as (
    -- The seconds of each slice so far, and those of them that were looked at.
    select s.*, extract(epoch from over - at) as whole,
           extract(epoch from over - greatest(at, coalesce(
                       (select ended_from from cut) - percentiles_us[1] * interval '1 microsecond', at)))
               as part,
           -- Null where all of today was looked at.
           extract(epoch from statement_timestamp() - (select ended_from from cut))
               + percentiles_us[1] / 1e6 as reach
      from slices s
     cross join lateral (
           select least(at + interval '5 seconds',
                        greatest(statement_timestamp(), at + interval '1 millisecond')) as over) o
)
select extract(epoch from at)::bigint as at, (count * whole / part)::bigint as count,
       (taken * whole / part)::bigint as taken,
       percentiles_us[1]::integer as p50_us, percentiles_us[2]::integer as p95_us
  from seen
 where part >= least(1, whole)
   and (reach is null or reach < 30
        or at >= statement_timestamp()
                 - case when reach >= 600 then 600 when reach >= 120 then 120 else 30 end
                   * interval '1 second')
 order by at
