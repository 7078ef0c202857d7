-- A portion of the events of one kind of an account's objects that account for rows of the processor's
-- journal, because they close an attempt or suspend what moved for one, with these rows. $1 account, $2
-- object and $3 version to go on after, $4 the end of the kind's ids, $5 the last position that counts, $6
-- rows.
-- Index: event_versions_are_unique_in_a_stream.
select stream::text, version,
       coalesce(internal #>> '{postings,currency}', data ->> 'currency') as currency,
       coalesce(internal #> '{suspense,movements}', internal #> '{closed,movements}')::text as movements
  from calmony.event
 where account = $1 and (stream, version) > ($2::text, $3::bigint) and stream < $4::text and position <= $5
   and (internal #> '{suspense,movements}' is not null or internal #> '{closed,movements}' is not null)
 order by stream, version
 limit $6
