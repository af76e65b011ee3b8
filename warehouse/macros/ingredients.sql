-- What two spellings of one drug have in common. All take names cleaned by drug_name.

-- 'metformin hydrochloride' and 'valproate sodium' without their salts; 'magnesium sulfate' is no salt of a drug. Esters and
-- other prodrugs stay: they are drugs of their own.
create or replace macro trailing_salt() as
    '(?: (?:as )?(?:(?:mono|di|tri|hemi|sesqui|dl-|l-|d-)?(?:hydrochlorides?|hcl|hydrobromide|hbr|hydrates?|sodium|potassium|calcium'
        || '|magnesium|lysine|meglumine|tromethamine|trometamol|arginine|choline|olamine|diolamine|benzathine|acetate|adipate'
        || '|ascorbate|besylate|besilate|bitartrate|bromide|camsylate|chloride|citrate|edisylate|embonate|erbumine|esylate'
        || '|ethanolate|fumarate|gluceptate|gluconate|glutamate|hyclate|isethionate|lactate|lactobionate|malate|maleate|mesylate'
        || '|mesilate|methanesulfonate|napsylate|nitrate|oxalate|pamoate|phosphate|saccharate|salicylate|stearate|succinate|sulfate'
        || '|sulphate|tartrate|tosylate|tosilate|trifluoroacetate|xinafoate)|anhydrous|(?:free )?base|salt))+$';

create or replace macro leading_salt() as '^(?:di|tri)?(?:sodium|potassium|calcium|magnesium) ([a-z]{4,}ate)$';

-- Metals, and the anions of minerals: nothing that a drug is made of.
create or replace macro is_no_base(name) as
    length(name) < 4
    or regexp_matches(name,
        '^(?:anhydrous|hydrated|dibasic|monobasic|tribasic|sterile)\b|^(?:di|tri|hydrogen |poly|mono)?(?:sodium|potassium|calcium|magnesium|zinc|iron|ferrous|ferric|lithium|alumin(?:i)?um|ammonium'
            || '|silver|copper|cupric|barium|bismuth|gold|strontium|selenium|manganese|chromium|chromic|cobalt|hydrogen'
            || '|(?:bi)?carbonate|acetate|(?:bi)?tartrate|citrate|phosphate|glycerophosphate|(?:thio)?sul(?:f|ph)ate|nitrate|lactate'
            || '|gluconate|ascorbate|aspartate|silicate|salicylate|stearate|iodate|chlorate|succinate|fumarate|oxalate)$');

create or replace macro salt_free(name) as
    case
        when regexp_matches(name, trailing_salt()) and not is_no_base(regexp_replace(name, trailing_salt(), ''))
            then regexp_replace(name, trailing_salt(), '')
        when regexp_matches(name, leading_salt()) and not is_no_base(regexp_extract(name, leading_salt(), 1))
            then regexp_extract(name, leading_salt(), 1)
        else name
    end;

-- The four letters that the FDA adds to the name of a biologic: 'adalimumab-atto'.
create or replace macro suffix_free(name) as
    regexp_replace(name,
        '([a-z]{3,}(?:mab|cept|stim|ase|kin|tin|tide|fusp|leucel|vec|gene|toxin|tox|afusp|cog|alfa|beta|pegol|tecan|tansine|vedotin'
            || '|ozogamicin|insulin| glargine| aspart| lispro| globulin))-[a-z]{4}$', '\1');

-- A drug that is named with its placebo is the drug: 'Perhexiline/placebo', 'placebo or perhexiline'.
create or replace macro placebo_free(text) as
    regexp_replace(regexp_replace(text,
        '(?i)(?:\s*[+&/,]\s*|\s+(?:and|or|plus|vs\.?|versus)\s+)(?:(?:matching|oral|matched|a|the)\s+)*placebos?\b.*$', ''),
        '(?i)^\s*placebos?(?:\s*[+&/,]\s*|\s+(?:and|or|plus|vs\.?|versus)\s+)', '');

-- One spelling for what is spelt in several ways; the sign of a mirror image is kept.
create or replace macro respelled(name) as
    regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(
        strip_accents(name),
        '\([–−-]\)-', 'levo-', 'g'),
        '\(\+\)-', 'dextro-', 'g'),
        'α|\balpha\b', 'alfa', 'g'),
        'β', 'beta', 'g'),
        'sulph', 'sulf', 'g'),
        '\boestr', 'estr', 'g'),
        '\bcic?losporin', 'cyclosporin', 'g');

-- Without what says how it is made or given.
create or replace macro undescribed(name) as
    regexp_replace(regexp_replace(name,
        ',? ?\b(?:recombinant human|human recombinant|recombinant)\b ?', '', 'g'),
        '^(?:(?:active )?comparator: ?|(?:arm|group|cohort|part) [a-z0-9]{1,2}: ?'
            || '|(?:neo-?adjuvant|adjuvant|peri-? ?operative|pre-? ?operative|post-? ?operative|continued|continuous|concurrent'
            || '|therapeutic|generic|single[- ]agent|approved) )+'
            || '| (?:titrated|given|administered|dosed|delivered|every|during|before|after|prior to|(?:for|at) \d) .*$'
            || '| (?:liquid|rinse|mouthwash|drip|depot|(?:fixed[- ](?:dose )?)?combination|fdc)$', '', 'g');

-- The drug's name: 'interferon alpha-2A, recombinant' is 'interferon alfa-2a'. The list of one binds what is used several times.
create or replace macro ingredient_name(name) as
    list_transform([suffix_free(undescribed(respelled(name)))], lambda spelled: trim(salt_free(spelled)))[1];

-- What it is compared by: letters and digits alone, so that 'BAY 59-7939' and 'BAY59-7939' are one.
create or replace macro ingredient_key(name) as
    nullif(regexp_replace(ingredient_name(name), '[^\p{L}\p{N}]+', '', 'g'), '');

-- Whether a name is a code, which no two drugs share: 'ly3002813', 'bay 59-7939', 'nsc #614629'. An isotope is none.
create or replace macro is_drug_code(name) as
    regexp_matches(name, '^[a-z]{1,5}(?:[ -]?[a-z]{1,4})?[ #-]{0,2}\d{2,}(?:[ ,.-]?[a-z0-9]{1,8}){0,2}$|^\d{3,}[a-z]{1,3}\d{0,4}$')
    and not regexp_matches(name,
        '^(?:f|c|i|y|n|o|p|h|tc|lu|in|ga|zr|cu|re|sm|sr|rb|ra|tl|xe|ho|at|ac|bi)[ -]?\d{1,3}m?\b'
            || '|^(?:arm|group|grp|part|day|dose|week|year|stage|study|type|cycle|level|phase|step|age|top)\b|^(?:cd|il|hla|ph|hpv|covid|sars)[ -]?\d');

-- Whether a name says what is given no more than 'chemotherapy', 'group 2' or 'intervention 1' do.
create or replace macro is_generic_drug_name(name) as
    regexp_matches(name,
        '^(?:(?:study|test|trial|investigational|experimental|active|control|comparator|reference|standard|conventional|usual|routine'
            || '|matching|blinded|open|label|new|other|any|different|intervention|interventional|medicinal|the)s? ?)*'
        || '(?:(?:arm|group|cohort|part|regimen|treatment|intervention|formulation|product|drug|agent|medication|medicine|comparator'
            || '|experimental|control|reference|test|compound|vaccine|antibod(?:y|ie)|antibiotic|steroid|corticosteroid|supplement|dose'
            || '|inhibitor|saline|chemotherapy|immunotherapy|pharmacotherapy|polychemotherapy|biologic|imp|ip|soc|therapy|care'
            || '|diet|laboratory biomarker analysis|pharmacological study|quality[- ]of[- ]life assessment|questionnaire administration)s?)?'
        || ' ?(?:\d{1,2}|[a-h]|i{1,3}|iv|v)?$')
    or regexp_matches(name,
        '\b(?:chemotherapy|radiotherapy|therap(?:y|ies)|treatments?|regimens?|surgery|transplant(?:ation)?|placebos?|arms?|groups?|cohorts?'
            || '|stand(?:ard)? of care|best supportive care|observation|assessment|analysis|procedures?|schedules?|normal saline|matching'
            || '|(?:ant)?agonists?|inhibitors?|blockers?|agents?|modulators?|analog(?:ue)?s?|supplements?|supplementation|disorders?|chemo)$')
    or regexp_matches(name,
        '^(?:r-)?(?:chop|cmf|caf|fac|fec|abvd|mopp|beacopp|folfox|folfiri|folfirinox|xelox|capox|mvac|epoch)(?:-\d{1,2})?$')
    or regexp_matches(name, '->|\bor (?:other|another|equivalent)\b|\bchemo(?:therapy)? with\b|^inhibitors?,')
    or name in ('normal saline', 'saline', 'saline solution', 'sodium chloride', 'water', 'vehicle', 'antibiotics', 'nsaid', 'nsaids',
        'statin', 'statins', 'vitamins', 'multivitamin', 'opioid', 'opioids', 'glucocorticoids', 'best supportive care', 'standard of care', 'conditioning',
        'generic', 'brand', 'combination', 'oral contraceptives', 'contraceptives', 'antiretrovirals', 'antidepressants', 'antipsychotics',
        'local anesthetic', 'anesthesia', 'general anesthesia', 'blood', 'food', 'fasted', 'fed', 'cisplatin-based', 'platinum', 'taxane');

-- The names of a combination, each by its words: 'a + b', 'a/b', 'a and b', 'aaaaaa-bbbbbb'; what is no substance is left out.
-- One that offers a choice ('a or b', 'a followed by b'), or has a part without a name ('interferon alfa-2a/2b'), stays whole.
create or replace macro combination_parts(name) as
    list_transform(
        [list_transform(
            list_filter(
                string_split_regex(
                    regexp_replace(regexp_replace(name, '^(?:co-?administration|combination)s? of ', ''),
                        '\b([a-z]{6,})-([a-z]{6,})\b', '\1/\2'),
                    '\s*(?:[+&/;]|,|[ ]-[ ]| (?:and|plus|with|combined with|in combination with|co-administered with) )\s*'),
                lambda part: not regexp_matches(part,
                    '\bplacebos?\b|^\s*(?:exercise|diet|surgery|radiation|radiotherapy|rt|radiation therapy|counsell?ing'
                        || '|physiotherapy)?\s*$')),
            lambda part: drug_name_or_null(drug_trimmed(part)))],
        lambda parts: case
            when regexp_matches(name, ' (?:or|versus|vs\.?|followed by|without|then) ')
                or len(list_filter(parts, lambda part: part is null)) > 0 then [name]
            else list_sort(list_distinct(parts))
        end)[1];

-- What stands in brackets, which the cleaned name leaves out: other names, mostly, as in 'Sorafenib (BAY 43-9006; Nexavar)'.
create or replace macro bracketed_names(text) as
    case when not regexp_matches(text, '[(\[]') then [] else list_distinct(list_filter(
        list_transform(
            flatten(list_transform(
                regexp_extract_all(text, '[(\[]([^()\[\]]{3,60})[)\]]', 1),
                lambda inside: string_split_regex(inside, '[;,/]| or '))),
            lambda inside: drug_name(inside)),
        lambda inside: (regexp_matches(inside, '[a-z]{4}') or is_drug_code(inside)) and not is_generic_drug_name(inside))) end;

-- The holder of an application as the FDA abbreviates it, and a sponsor as the registry writes it, alike: 'Novartis Pharms Corp' is
-- 'novartis'.
create or replace macro holder_core(text) as
    company_core(regexp_replace(regexp_replace(regexp_replace(regexp_replace(
        lower(text),
        '\bpharms?\b', 'pharmaceuticals', 'g'), '\bintl\b', 'international', 'g'), '\bhlthcare\b', 'healthcare', 'g'),
        '\b(?:res|labs?|techs?|prods|inds|biopharms?|therap)\b', 'laboratories', 'g'));

-- Whether two names are of one company: 'exact'; 'part': all words of the shorter stand in the longer, and one tells a company ('lilly'
-- and 'eli lilly'); 'other'.
create or replace macro company_agreement(a, b) as (
    select case
        when one = '' or other = '' then 'other'
        when replace(one, ' ', '') = replace(other, ' ', '') then 'exact'
        when len(list_filter(shared, lambda word: length(word) >= 4 and is_telling_core(word))) > 0
            and len(shared) = least(len(one_words), len(other_words)) then 'part'
        else 'other'
    end
    from (
        select *, list_intersect(one_words, other_words) as shared
        from (
            select
                *,
                list_filter(list_distinct(string_split(one, ' ')), lambda word: word not in ('and', 'of', 'the')) as one_words,
                list_filter(list_distinct(string_split(other, ' ')), lambda word: word not in ('and', 'of', 'the')) as other_words
            from (select coalesce(holder_core(a), '') as one, coalesce(holder_core(b), '') as other)
        )
    )
);

-- The types of interventions that are given as a substance.
create or replace macro is_drug_type(intervention_type) as
    intervention_type in ('DRUG', 'BIOLOGICAL', 'GENETIC', 'COMBINATION_PRODUCT', 'DIETARY_SUPPLEMENT');

-- A drug by its ingredients: their concepts of RxNorm, or their names where it has none, sorted.
create or replace macro drug_id(ingredient_ids) as array_to_string(ingredient_ids, '+');

-- The surer a basis, the lower: a combination is as sure as its least sure part.
create or replace macro basis_rank(basis) as
    list_position(['rxnorm_exact', 'fda_ingredient', 'fda_brand', 'rxnorm_approximate', 'alias', 'name'], basis);

-- 'Oct 7, 2014' and '20141007'; null for 'Approved Prior to Jan 1, 1982'.
create or replace macro us_date(text) as try_strptime(trim(text), '%b %d, %Y')::date;
create or replace macro compact_date(text) as case when regexp_full_match(text, '\d{8}') then try_strptime(text, '%Y%m%d')::date end;
create or replace macro slash_date(text) as try_strptime(trim(text), '%m/%d/%Y')::date;

-- Runs of one to four words, the longest first.
create or replace macro word_runs(words) as
    flatten(list_transform([4, 3, 2, 1], lambda n:
        list_transform(range(1, len(words) - n + 2), lambda i: array_to_string(words[i:i + n - 1], ' '))));

-- The product in a letter's opening sentence: what the application is 'under section … of the … Act for', else behind the last 'for'
-- that is not of a form ('for injection').
create or replace macro product_phrase(words) as
    nullif(trim(coalesce(
        nullif(regexp_extract(words, '\bAct(?: \([^)]*\))?,? for (.+?)\.?$', 1), ''),
        regexp_extract(
            regexp_replace(words, ' for (?:oral|injection|injectable|infusion|inhalation|intravenous|subcutaneous|topical|use|reconstitution'
                || '|intramuscular|ophthalmic|nasal|extended|delayed)\b[^.]*', ' ', 'g'),
            '(?:^|.* )for (.+?)\.?$', 1))), '');

-- A trial that may carry an application: of phase 3, or of phases 2 and 3, and carried through.
create or replace macro is_pivotal(phase, overall_status, completion_type) as
    coalesce(phase in ('PHASE2/PHASE3', 'PHASE3')
        and (overall_status = 'COMPLETED' or (overall_status = 'ACTIVE_NOT_RECRUITING' and completion_type = 'ACTUAL')), false);

create or replace macro agreement_rank(agreement) as list_position(['exact', 'part', 'other'], agreement);
