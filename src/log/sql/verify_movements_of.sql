-- The rows of the processor's journal that the events of some objects account for. $1 accounts and $2
-- objects, in pairs. Index: event_versions_are_unique_in_a_stream.
select e.account, e.position,
       coalesce(e.internal #>> '{postings,currency}', e.data ->> 'currency') as currency,
       coalesce(e.internal #> '{suspense,movements}', e.internal #> '{closed,movements}')::text as movements
  from (select distinct account, id from unnest($1::bigint[], $2::text[]) as o (account, id)) o
  join calmony.event e on e.account = o.account and e.stream = o.id
 where e.internal #> '{suspense,movements}' is not null or e.internal #> '{closed,movements}' is not null
