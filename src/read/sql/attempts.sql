-- The last attempts of some deliveries, newest first. $1 account, $2 positions, $3 endpoints, one an entry of
-- $2; $4 rows of each. $5 bytes of answers of each, as they are written in JSON: past them an attempt doesn't
-- fit; the first fits always.
-- Index: attempt_of_endpoint.
select w.position, w.endpoint, a.number, a.started_at, a.duration_us, a.status, a.error,
       case when a.fits then a.response end as response, a.truncated,
       a.dns_us, a.connect_us, a.tls_us, a.first_byte_us, a.early, a.order_gap, a.fits
  from unnest($2::bigint[], $3::text[]) as w (position, endpoint)
 cross join lateral (
       select *, coalesce(sum(octet_length(to_json(response)::text)) over newest, 0) <= $5
                 or row_number() over newest = 1 as fits
         from (select *
                 from calmony.attempt
                where account = $1 and endpoint = w.endpoint and position = w.position
                order by started_at desc
                limit $4) last
       window newest as (order by started_at desc rows unbounded preceding)) a
 order by w.position, w.endpoint, a.started_at desc
