-- The live signing secrets of endpoints, and the milliseconds until the next of them ends (as
-- calmony.live_secrets has it), or null. $1 account, $2 endpoint.
-- Indexes: endpoint_ids_are_unique, endpoint_secret_comes_with_one_event.
select p.account, p.id::text, p.version, calmony.live_secrets(p.account, p.id::text) as secrets,
       (select floor(extract(epoch from min(coalesce(s.previous_until, s.created_at)) - statement_timestamp())
                     * 1000)::bigint
          from calmony.endpoint_secret s
         where s.account = p.account and s.endpoint = p.id
           and coalesce(s.previous_until, s.created_at) > statement_timestamp()) as ends_in_ms
  from unnest($1::bigint[], $2::text[]) as asked (account, endpoint)
  join calmony.endpoint p on p.account = asked.account and p.id = asked.endpoint
