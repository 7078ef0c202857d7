-- True if an event of an object accounts for what an operation moved. $1 account, $2 object, $3 the
-- operation's key. Index: event_versions_are_unique_in_a_stream.
select exists (
    select from calmony.event e
     cross join json_array_elements(coalesce(e.internal #> '{suspense,movements}',
                                             e.internal #> '{closed,movements}')) as m
     where e.account = $1 and e.stream = $2::text
       and (e.internal #> '{suspense,movements}' is not null
            or e.internal #> '{closed,movements}' is not null)
       and m ->> 'key' = $3
) as accounted
