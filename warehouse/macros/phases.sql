-- The steps from one phase to the next, and what tells whether a later trial continues an earlier one.

-- A phase as a number, half-way for a combined one. Phase 4 is no step: it follows from an approval and proves none.
create or replace macro phase_step(phase) as
    case phase
        when 'EARLY_PHASE1' then 1.0 when 'PHASE1' then 1.0 when 'PHASE1/PHASE2' then 1.5
        when 'PHASE2' then 2.0 when 'PHASE2/PHASE3' then 2.5 when 'PHASE3' then 3.0
    end::double;

-- Whether the one step leads to the other: any later one does. A trial of phases 1 and 2 is a step on from phase 1, as it opens
-- the question of efficacy.
create or replace macro is_next_step(earlier, later) as later > earlier;

-- What sponsors are compared by: 'Eli Lilly and Company' and 'Eli Lilly' are one, 'University of X' stays whole.
create or replace macro sponsor_key(name) as
    case when is_telling_core(company_core(name)) then company_core(name) else company_name(name) end;

-- Whether a sponsor in common tells anything: a public funder that takes part in thousands of trials does only where it leads.
create or replace macro is_telling_sponsor(is_lead, sponsor_class) as
    is_lead or coalesce(sponsor_class not in ('NIH', 'FED', 'OTHER_GOV'), true);

-- A summary without the paragraph that thousands of cancer trials begin with, word for word.
create or replace macro own_summary(text) as regexp_replace(text, '(?s)^\s*RATIONALE:.*?PURPOSE:', '');

-- Whether a condition says no more than 'healthy' or 'disease' do, as many trials of anything have it.
create or replace macro is_broad_condition(condition) as
    coalesce(regexp_full_match(trim(lower(condition)),
        '(normal |healthy?|human |adult |unspecified |advanced |malignant |solid |metastatic |protocol specific|refractory |recurrent )*'
            || '(health|healthy?|volunteers?|(healthy|normal) (volunteers?|participants?|subjects?|people|adults?)|subjects?|disease|diseases'
            || '|syndromes?|neoplasms?|cancers?|tumou?rs?|carcinoma|infections?|communicable diseases|pain|recurrence|acute disease'
            || '|chronic disease|disease progression|neoplasm metastasis|inflammation|pharmacokinetics|safety|immunization'
            || '|solid tumou?rs?( malignanc(y|ies))?,?( adult)?|unspecified adult solid tumor, protocol specific'
            || '|unspecified childhood solid tumor, protocol specific|drug[- ]drug interactions?|bioequivalence|prevention)'), false);

-- The words that tell what a text is about: without those of any trial.
create or replace macro title_words(text) as
    list_distinct(list_filter(string_split(headline_words(text), ' '), lambda word:
        length(word) > 2 and not regexp_full_match(word,
            'the|and|for|with|without|from|into|than|that|this|these|those|their|have|has|been|are|was|were|will|may|can|who|which|when|not'
                || '|its|also|such|use|used|using|other|more|most|both|between|during|after|before|following|versus|compared?|comparison'
                || '|study|studies|trial|trials|phase|iii|clinical|patients?|subjects?|participants?|people|treatment|treat|treated|treating'
                || '|therapy|evaluate|evaluation|assess|determine|investigate|effects?|effectiveness|efficacy|safety|safe|tolerability|purpose'
                || '|randomi[sz]ed|double|blind|blinded|placebo|controlled|open|label|labeled|multicent(er|re)|multi|cent(er|re)|parallel'
                || '|groups?|arms?|dose|doses|dosing|drugs?|rationale|objective|primary|secondary|whether|how|well|one|two|three|body|work'
                || '|different|ways|stop|growing|kill|they|known|yet')));

-- The share of all words of two lists that both have.
create or replace macro shared_part(a, b) as
    len(list_intersect(a, b)) / greatest(1, len(a) + len(b) - len(list_intersect(a, b)));

-- The share of the shorter list that the other has too; null where one is empty.
create or replace macro overlap(a, b) as len(list_intersect(a, b)) / nullif(least(len(a), len(b)), 0);

-- Whether a word of a condition names no more than a class of them.
create or replace macro is_class_of_conditions(word) as
    word in ('cancer', 'tumor', 'infection', 'pain', 'failure', 'injury', 'deficiency', 'complication', 'hematologic', 'malignant', 'plasma', 'neoplastic',
        'protocol', 'specific', 'unspecified', 'solid', 'stage');

-- What a drug is given with rather than tested for, where it is not alone: growth factors, and what spares from harm.
create or replace macro is_supportive_drug(name) as
    name in ('filgrastim', 'pegfilgrastim', 'lenograstim', 'sargramostim', 'molgramostim', 'leucovorin', 'levoleucovorin', 'mesna', 'ondansetron',
        'granisetron', 'allopurinol', 'epoetin alfa', 'dexrazoxane', 'folic acid', 'cyanocobalamin', 'saline', 'calcium', 'vitamin b12');

create or replace macro main_or_all(drugs, main) as case when len(main) > 0 then main else drugs end;

-- The words that conditions are compared by: those of condition_words that name no mere class, with the parts of the bowel as one.
create or replace macro compared_words(words) as
    list_distinct(list_transform(
        list_filter(words, lambda word: not is_class_of_conditions(word)),
        lambda word: case when word in ('colon', 'colonic', 'rectal', 'rectum', 'bowel') then 'colorectal' else word end));

-- The kinds of a condition that a title names and the registry's list of conditions often leaves out.
create or replace macro condition_kinds(title) as
    list_distinct(regexp_extract_all(
        replace(lower(coalesce(title, '')), 'nsclc', 'non-small'),
        'non-?small|small[ -]cell lung|extensive[- ]stage|promyelocytic|myelomonocytic|(?:acute|chronic) (?:myel|nonlymph|lymph)|non-?hodgkin|hodgkin'
            || '|follicular|mantle|burkitt|diffuse large|t-?cell lymph|cutaneous|myelodysplas|amyloid|multiple myeloma|mening|kaposi|soft tissue|osteosarcoma|ewing|rhabdo'
            || '|neuroblastoma|medulloblastoma|mesothelioma|merkel|uveal|basal cell|salivary|nasopharyn|type (?:1|2|i|ii)\b|insulin[- ]dependent|rectal|neuroendocrine|carcinoid'
            || '|rheumatoid|psoriatic|osteoarthritis|ulcerative|crohn|hepatitis [a-e]\b|influenza|exercise|status asthmaticus'));

-- The signs of annot_phase_progress that were public by a day: an undated one only now, and no trial that is withdrawn by then.
create or replace macro known_signs(signs, as_of, is_current) as
    list_filter(signs, lambda sign: coalesce(sign.public_on <= as_of, is_current)
        and not coalesce(sign.until <= as_of or (sign.until = 'infinity' and is_current), false));
