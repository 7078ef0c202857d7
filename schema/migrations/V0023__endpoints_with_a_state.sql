-- The endpoints that have deliveries of a state, found one by one along the partial index of that state, so
-- that a million deliveries of one endpoint are one step. PostgreSQL puts the body in the place of the call:
-- with a constant state it uses the index.
create function calmony.endpoints_with(wanted text) returns table (account bigint, endpoint calmony.object_id)
language sql stable
as $$
    with recursive endpoints as (
        (select d.account, d.endpoint
           from calmony.delivery d
          where d.state = wanted
          order by d.account, d.endpoint
          limit 1)
        union all
        select next.account, next.endpoint
          from endpoints o
         cross join lateral (
               select d.account, d.endpoint
                 from calmony.delivery d
                where d.state = wanted and (d.account, d.endpoint) > (o.account, o.endpoint)
                order by d.account, d.endpoint
                limit 1) next
    )
    select endpoints.account, endpoints.endpoint from endpoints
$$;
revoke all on function calmony.endpoints_with(text) from public;
grant execute on function calmony.endpoints_with(text) to calmony_worker;
