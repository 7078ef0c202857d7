-- The last attempts of some deliveries, newest first. $1 account, $2 positions, $3 endpoints, one an entry of $2; $4 rows of
-- each. Index: attempt_of_endpoint.
select w.position, w.endpoint, a.number, a.started_at, a.duration_us, a.status, a.error, a.response, a.truncated,
       a.dns_us, a.connect_us, a.tls_us, a.first_byte_us, a.early, a.order_gap
  from unnest($2::bigint[], $3::text[]) as w (position, endpoint)
 cross join lateral (
       select *
         from calmony.attempt
        where account = $1 and endpoint = w.endpoint and position = w.position
        order by started_at desc
        limit $4) a
