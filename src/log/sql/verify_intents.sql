-- A portion of an account's payment intents, each with its last charge, of one moment. $1 account, $2 intent
-- to go on after, $3 rows. Index: object_ids_are_unique.
select i.id::text, i.data::text, c.data::text as charge
  from (select id, data
          from calmony.object
         where account = $1 and id >= 'pi_' and id < 'pi`' and id > $2::text
         order by id
         limit $3) i
  left join calmony.object c on c.account = $1 and c.id = i.data ->> 'latest_charge'
 order by i.id
