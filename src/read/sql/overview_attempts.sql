-- An account's attempts by the five seconds that they began in, among the last that were written down of all accounts: $3 pages at the end
-- of today's partition, where each new one goes. So it costs the same, whatever happens, and needs no index. Five seconds of which some are
-- on earlier pages are estimated, unless more than four of them are missing. $1 account, $2 not before, $3 pages.
with today as materialized (
    select greatest(0, pg_relation_size(partition) / current_setting('block_size')::bigint - $3) as page,
           date_trunc('day', statement_timestamp(), 'UTC') as since
      from (select coalesce(to_regclass('calmony.attempt_' || to_char(statement_timestamp() at time zone 'utc', 'YYYYMMDD')),
                            'calmony.attempt_default') as partition) p
), cut as materialized (
    select max(started_at + duration_us * interval '1 microsecond') as ended_from
      from calmony.attempt
     where (select page from today) > 0
       and started_at >= (select since from today) and started_at < (select since + interval '1 day' from today)
       and ctid >= (select format('(%s,0)', page)::tid from today) and ctid < (select format('(%s,0)', page + 1)::tid from today)
), slices as (
    select at, count(*), count(*) filter (where error is null) as taken,
           percentile_disc(array[0.5, 0.95]) within group (order by duration_us) as us,
           least(5, extract(epoch from at + interval '5 seconds' - coalesce((select ended_from from cut), at))) as seen
      from (select date_bin('5 seconds', started_at, 'epoch') as at, duration_us, error
              from calmony.attempt
             where account = $1 and started_at >= $2
               and started_at >= (select since from today) and started_at < (select since + interval '1 day' from today)
               and ctid >= (select format('(%s,0)', page)::tid from today)) a
     group by at
)
select extract(epoch from at)::bigint as at, (count * 5 / seen)::bigint as count, (taken * 5 / seen)::bigint as taken,
       us[1]::integer as p50_us, us[2]::integer as p95_us
  from slices
 where seen >= 1
 order by at
