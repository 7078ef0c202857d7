-- The objects of these ids, deleted or not, in their order. $1 account, $2 ids. $3 bytes: past them a row
-- comes without its data; the first row has it always.
-- Index: object_ids_are_unique.
with found as (
    select o.id, o.data, o.deleted, octet_length(o.data::text) as bytes, wanted.place
      from unnest($2::text[]) with ordinality as wanted (id, place)
      join calmony.object o on o.account = $1 and o.id = wanted.id
), sized as (
    select *, sum(bytes) over w <= $3 or row_number() over w = 1 as fits
      from found
    window w as (order by place rows unbounded preceding)
)
select id::text, case when fits then data::text end as data, deleted
  from sized
 order by place
