-- A portion of an account's payment intents, each with its last charge, of one moment. $1 account, $2 intent
-- to go on after, $3 rows. Index: object_ids_are_unique.
select i.id::text, i.data ->> 'currency' as currency, i.data ->> 'amount_received' as received,
       i.data ->> 'amount_capturable' as capturable, i.data ->> 'latest_charge' as charge,
       c.data ->> 'currency' as charge_currency, c.data ->> 'status' as status,
       c.data ->> 'captured' as captured, c.data ->> 'refunded' as refunded, c.data ->> 'amount' as amount,
       c.data ->> 'amount_captured' as amount_captured
  from (select id, data
          from calmony.object
         where account = $1 and id >= 'pi_' and id < 'pi`' and id > $2::text
         order by id
         limit $3) i
  left join calmony.object c on c.account = $1 and c.id = i.data ->> 'latest_charge'
 order by i.id
