-- Notes the endpoints that have only failed of late, and those that have had a success; returns those that
-- have failed for too long.
-- Failing: $1 account, $2 endpoint. Succeeded: $3 account, $4 endpoint. $5 milliseconds that are too long.
-- Index: endpoint_fails_since_one_time.
with succeeded as (
    delete from calmony.endpoint_failing f
     using unnest($3::bigint[], $4::text[]) as x (account, endpoint)
     where f.account = x.account and f.endpoint = x.endpoint
), failing as (
    insert into calmony.endpoint_failing (account, endpoint, since)
    select account, endpoint, statement_timestamp()
      from unnest($1::bigint[], $2::text[]) as x (account, endpoint)
     order by account, endpoint
        on conflict (account, endpoint) do nothing
)
select f.account, f.endpoint::text
  from unnest($1::bigint[], $2::text[]) as x (account, endpoint)
  join calmony.endpoint_failing f on f.account = x.account and f.endpoint = x.endpoint
 where f.since <= statement_timestamp() - $5::bigint * interval '1 millisecond'
