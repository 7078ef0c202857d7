-- A portion of an account's payment intents that have postings, or give an amount back, with the sums of what
-- their events moved. Both are of one moment. $1 account, $2 intent to go on after, $3 rows.
-- Indexes: object_ids_are_unique, event_versions_are_unique_in_a_stream.
select i.id::text, coalesce((i.internal #>> '{returning,amount}')::bigint, 0) as returning, p.processor,
       p.suspense, p.elsewhere
  from (select id, internal
          from calmony.object
         where account = $1 and id >= 'pi_' and id < 'pi`' and id > $2::text
           and (internal -> 'returning' is not null or internal -> 'returned' is not null)
         order by id
         limit $3) i
 cross join lateral (
       select coalesce(sum(m.amount::bigint) filter (where m.account = 'processor'), 0)::bigint as processor,
              coalesce(sum(m.amount::bigint) filter (where m.account = 'suspense'), 0)::bigint as suspense,
              coalesce(sum(m.amount::bigint) filter (where m.account not in ('processor', 'suspense')),
                       0)::bigint as elsewhere
         from calmony.event e
        cross join lateral json_each_text(e.internal -> 'postings' -> 'amounts') m (account, amount)
        where e.account = $1 and e.stream = i.id and e.internal -> 'postings' is not null) p
 order by i.id
